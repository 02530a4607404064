"""Links from catalogue items to graph entities: stated, or found with a confidence."""

from kgrec.kg.linking.config import LinkConfig
from kgrec.kg.linking.linker import link
from kgrec.kg.linking.links import LinkReport, Links
from kgrec.kg.linking.meaning import Encoder
from kgrec.kg.linking.review import Candidate, write_links, write_review

__all__ = [
    "Candidate",
    "Encoder",
    "LinkConfig",
    "LinkReport",
    "Links",
    "link",
    "write_links",
    "write_review",
]
