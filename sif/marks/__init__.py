"""ActiveMark: a watermark in the massive activations of a vision model, and reading it.

The pure maths is in `sif.watermark.activemark`; everything that needs a model is here.
"""
