"""The subscriptions that tests follow."""

from typing import NamedTuple

EVENTS = """subscription ($id: ID!, $after: String, $start: FeedStart) {
  executionEvents(executionId: $id, after: $after, start: $start) { cursor event { seq type } }
}"""
LOGS = """subscription (
  $id: ID!, $step: String, $level: LogLevel, $after: String, $start: FeedStart
) {
  executionLogs(executionId: $id, stepKey: $step, minLevel: $level, after: $after, start: $start) {
    cursor entry { seq message }
  }
}"""
CHANGES = """subscription ($filter: ExecutionFilter, $after: String, $start: FeedStart) {
  executionChanges(filter: $filter, after: $after, start: $start) {
    cursor event { seq type } execution { id status }
  }
}"""


class Feed(NamedTuple):
    """A subscription, and the factory's name of the rows that it follows."""

    document: str
    rows: str


FEEDS = {"events": Feed(EVENTS, "events"), "logs": Feed(LOGS, "logs"), "changes": Feed(CHANGES, "events")}
