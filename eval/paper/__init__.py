"""The tables of the SIF paper rebuilt, each beside the published figures (`sif bench paper`)."""
