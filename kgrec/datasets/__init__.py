"""From files to a graph, links and a split over one catalogue."""
