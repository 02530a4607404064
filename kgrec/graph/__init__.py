"""The user–item–attribute graph as PyG's `HeteroData`, its sparse operators, samplers and views."""
