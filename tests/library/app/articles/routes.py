"""HTTP routes of articles, comments and favourites."""

import uuid
from typing import Any

from flask import current_app, url_for

from app.api import Blueprint, abort
from app.api.idempotency import idempotent
from app.api.pagination import PageQuerySchema, page_schema
from app.articles.models import Article, Comment, Favourite
from app.articles.reading import find_article, select_articles, select_comments
from app.articles.schemas import ArticleQuerySchema, ArticleSchema, CommentSchema
from app.database.queries import find_or_404, paginate
from app.extensions import db
from app.readers.profiles import require_reader

articles = Blueprint("articles", __name__, url_prefix="/articles", description="Articles")


@articles.post("/")
@articles.arguments(ArticleSchema)
@idempotent(articles)
@articles.response(201, ArticleSchema, headers={"Location": {"schema": {"type": "string"}}})
@articles.alt_response(409, "CONFLICT")
def write_article(
    values: dict[str, Any], article_id: uuid.UUID
) -> tuple[Article, int, dict[str, str]]:
    """Write an article"""
    require_reader()
    db.session.add(Article(id=article_id, **values))
    location = url_for("articles.get_article", article_id=article_id)
    return find_article(article_id), 201, {"Location": location}


@articles.get("/", public=True)
@articles.arguments(ArticleQuerySchema, location="query")
@articles.response(200, page_schema("articles", ArticleSchema))
def list_articles(query: dict[str, Any]) -> dict[str, Any]:
    """List articles, newest first, or those with a tag"""
    selected = select_articles(query.pop("tag"))
    found, next_cursor = paginate(Article, **query, query=selected)
    return {"articles": found, "next": next_cursor}


@articles.get("/<uuid:article_id>", public=True)
@articles.response(200, ArticleSchema)
@articles.alt_response(404, "NOT_FOUND")
def get_article(article_id: uuid.UUID) -> Article:
    """Get an article"""
    return find_article(article_id)


@articles.patch("/<uuid:article_id>")
@articles.arguments(ArticleSchema(partial=True))
@articles.response(200, ArticleSchema)
@articles.alt_response(404, "NOT_FOUND")
def change_article(changes: dict[str, Any], article_id: uuid.UUID) -> Article:
    """Change an article of one's own"""
    article = find_or_404(Article, article_id)
    for field, value in changes.items():
        setattr(article, field, value)
    db.session.commit()
    return find_article(article_id)


@articles.delete("/<uuid:article_id>")
@articles.response(204)
@articles.alt_response(404, "NOT_FOUND")
def delete_article(article_id: uuid.UUID) -> None:
    """Delete an article of one's own"""
    db.session.delete(find_or_404(Article, article_id))
    db.session.commit()


@articles.put("/<uuid:article_id>/favourite")
@articles.response(204)
@articles.alt_response(404, "NOT_FOUND")
@articles.alt_response(409, "CONFLICT")
def add_favourite(article_id: uuid.UUID) -> None:
    """Mark an article as a favourite"""
    article = find_article(article_id)
    db.session.merge(Favourite(reader_id=require_reader().id, article_id=article.id))
    db.session.commit()


@articles.delete("/<uuid:article_id>/favourite")
@articles.response(204)
def remove_favourite(article_id: uuid.UUID) -> None:
    """Mark an article as a favourite no longer"""
    if favourite := db.session.get(Favourite, (require_reader().id, article_id)):
        db.session.delete(favourite)
        db.session.commit()


@articles.post("/<uuid:article_id>/comments")
@articles.arguments(CommentSchema)
@idempotent(articles)
@articles.response(201, CommentSchema)
@articles.alt_response(404, "NOT_FOUND")
@articles.alt_response(409, "CONFLICT")
def comment_on_article(
    values: dict[str, Any], comment_id: uuid.UUID, article_id: uuid.UUID
) -> Comment:
    """Comment on an article"""
    if not current_app.config["COMMENTS_OPEN"]:
        abort(403, "Comments are closed.")
    require_reader()
    article = find_article(article_id)
    db.session.add(Comment(id=comment_id, article_id=article.id, **values))
    return find_or_404(Comment, comment_id, query=select_comments(article_id))


@articles.get("/<uuid:article_id>/comments", public=True)
@articles.arguments(PageQuerySchema, location="query")
@articles.response(200, page_schema("comments", CommentSchema))
@articles.alt_response(404, "NOT_FOUND")
def list_comments(page: dict[str, Any], article_id: uuid.UUID) -> dict[str, Any]:
    """List the comments on an article, newest first"""
    find_article(article_id)
    found, next_cursor = paginate(Comment, **page, query=select_comments(article_id))
    return {"comments": found, "next": next_cursor}


@articles.delete("/<uuid:article_id>/comments/<uuid:comment_id>")
@articles.response(204)
@articles.alt_response(404, "NOT_FOUND")
def delete_comment(article_id: uuid.UUID, comment_id: uuid.UUID) -> None:
    """Delete a comment of one's own"""
    mine = Comment.visible().where(Comment.article_id == article_id)
    db.session.delete(find_or_404(Comment, comment_id, query=mine))
    db.session.commit()
