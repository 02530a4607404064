"""Links from catalogue items to graph entities, given in a table or found with a confidence."""

from kgrec.linking.linker import link
from kgrec.linking.links import Candidate, LinkReport, Links
from kgrec.linking.meaning import TextEncoderLike
from kgrec.linking.review import write_links, write_review
from kgrec.linking.settings import LinkConfig

__all__ = [
    "Candidate",
    "LinkConfig",
    "LinkReport",
    "Links",
    "TextEncoderLike",
    "link",
    "write_links",
    "write_review",
]
