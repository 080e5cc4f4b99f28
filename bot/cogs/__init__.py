"""One feature a module: each reads facts, decides, calls the engine, renders and sends."""

from bot.cogs.about import About
from bot.cogs.admin import Admin
from bot.cogs.ask import Ask
from bot.cogs.golden import GoldenQuestions
from bot.cogs.guilds import Guilds
from bot.cogs.library import Library
from bot.cogs.messages import Messages
from bot.cogs.refreshing import Refreshing
from bot.cogs.reindex import Reindex

FEATURES = (Ask, Messages, Library, GoldenQuestions, Reindex, Admin, About, Guilds, Refreshing)
