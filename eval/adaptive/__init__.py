"""The benchmark of a thief who knows the method but not the key (`sif bench adaptive`)."""
