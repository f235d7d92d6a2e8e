"""ActiveMark: messages in the massive activations of a vision model, or in its representations.

Pure functions and small networks (Chistyakova and Pautov, ActiveMark, arXiv 2510.04966; and a
keyed read-out that goes beyond it). Nothing here loads models, files or images.
"""
