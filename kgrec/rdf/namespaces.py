"""The IRIs of the public vocabularies whose meaning kgrec knows."""

from __future__ import annotations

from typing import Final

RDF: Final = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
RDFS: Final = "http://www.w3.org/2000/01/rdf-schema#"
XSD: Final = "http://www.w3.org/2001/XMLSchema#"
SKOS: Final = "http://www.w3.org/2004/02/skos/core#"
DCTERMS: Final = "http://purl.org/dc/terms/"
FOAF: Final = "http://xmlns.com/foaf/0.1/"
SKOS_XL: Final = "http://www.w3.org/2008/05/skos-xl#"
BIBFRAME: Final = "http://id.loc.gov/ontologies/bibframe/"
SCHEMA: Final = ("http://schema.org/", "https://schema.org/")
DBO: Final = "http://dbpedia.org/ontology/"

OWL_SAME_AS: Final = "http://www.w3.org/2002/07/owl#sameAs"
RDF_TYPE: Final = RDF + "type"
RDF_LANG_STRING: Final = RDF + "langString"
RDF_DIR_LANG_STRING: Final = RDF + "dirLangString"
XSD_STRING: Final = XSD + "string"

PREFIXES: Final = {
    "rdf": RDF,
    "rdfs": RDFS,
    "xsd": XSD,
    "owl": "http://www.w3.org/2002/07/owl#",
    "skos": SKOS,
    "dcterms": DCTERMS,
    "foaf": FOAF,
    "schema": "http://schema.org/",
    "dbo": DBO,
    "dbp": "http://dbpedia.org/property/",
    "dbr": "http://dbpedia.org/resource/",
    "wd": "http://www.wikidata.org/entity/",
    "wdt": "http://www.wikidata.org/prop/direct/",
}
"""The usual prefixes of well-known namespaces, for a terminal where space is short."""

LABEL_RELATIONS: Final = (
    RDFS + "label",
    SKOS + "prefLabel",
    "http://schema.org/name",
    "https://schema.org/name",
    FOAF + "name",
    DCTERMS + "title",
    f"{SKOS_XL}prefLabel {SKOS_XL}literalForm",
    f"{BIBFRAME}title {BIBFRAME}mainTitle",
    BIBFRAME + "mainTitle",
    "http://purl.org/dc/elements/1.1/title",
)
"""Relations that give a name; the first that an entity has counts.

Two relations with a space between them give the name of a node as the entity's: the node is the
object of the first, and its name that of the second.
"""

ALTERNATIVE_LABEL_RELATIONS: Final = (
    SKOS + "altLabel",
    "http://schema.org/alternateName",
    "https://schema.org/alternateName",
    DCTERMS + "alternative",
    DBO + "originalTitle",
    f"{SKOS_XL}altLabel {SKOS_XL}literalForm",
)
"""Relations that give further names, to find an entity by."""

DESCRIPTION_RELATIONS: Final = (
    DBO + "abstract",
    "http://schema.org/description",
    "https://schema.org/description",
    DCTERMS + "description",
    RDFS + "comment",
    SKOS + "definition",
)
"""Relations that give a description; the first that an entity has counts."""
