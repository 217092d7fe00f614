"""Articles of readers, with tags, comments and favourites."""
