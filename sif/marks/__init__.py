"""ActiveMark: a watermark in the massive activations of a vision model, and reading it.

The pure maths is in `sif.watermark.activemark`; everything that needs a model is here.

embed_into    the whole of `sif activemark embed`, into folders and resumable: embed -> save
embed         pictures held out, messages, training (tasks, train), the watermark that comes of it
watermark     what the owner keeps, and its folder
verify        the whole of `sif activemark verify`: bits read from a suspect -> evidence -> verdict
panels        what panels of models say of a watermark's errors, for `sif activemark bounds`
vision_model  any vision model in white-box use; tower: the part that sees, and its readout
"""
