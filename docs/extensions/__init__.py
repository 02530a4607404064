"""Parts of the manual that are made from the code, so that they cannot say something else."""
