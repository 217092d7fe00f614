"""The `flask readers` command."""

import click
from flask.cli import AppGroup
from sqlalchemy import func, select

from app.extensions import db
from app.readers.models import Follow, Reader

readers_cli = AppGroup("readers", help="Look at the readers.")


@readers_cli.command()
def rank() -> None:
    """Print the readers by the number of their followers."""
    followers = func.count(Follow.follower_id)
    query = select(Reader.name, followers).outerjoin(Follow, Follow.reader_id == Reader.id)
    for name, count in db.session.execute(
        query.group_by(Reader.name).order_by(followers.desc(), Reader.name)
    ):
        click.echo(f"{count}\t{name}")
