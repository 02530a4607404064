"""Part of a graph as a networkx graph, for everything that networkx can do with it.

Expect what `Seven Samurai` and `The Magnificent Seven` share, and the shortest way between two
films that share nothing.
"""

import networkx as nx

import kg_data
import kgrec

kg = kgrec.KnowledgeGraph.read(kg_data.path("films") / "films.ttl")
FILM = "https://kgrec.example/films/film/"
samurai, seven = FILM + "seven-samurai-1954", FILM + "the-magnificent-seven-1960"

near = kg.to_networkx([samurai], hops=1)
print(near.number_of_nodes(), "nodes around", near.nodes[samurai]["label"])

whole = kg.to_networkx()
undirected = nx.Graph(whole)
shared = nx.common_neighbors(undirected, samurai, seven)
print("Shared:", ", ".join(sorted(whole.nodes[node]["label"] for node in shared)))
way = nx.shortest_path(undirected, samurai, FILM + "mary-poppins-1964")
print("Way:", " - ".join(whole.nodes[node]["label"] for node in way))
