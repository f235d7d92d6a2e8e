"""Suspects: anything that can be asked about an image, behind one contract (`sif.types.Suspect`).

connect.py       `hf:`, `vllm:` and `openai:` addresses; engines are imported only when asked for
openai_suspect.py an endpoint, asked over sif/http on the terms.py that it takes
scripted.py      replies from a function or a table, for tests and examples
journal.py       answers on disk, so that nothing is asked twice
journalled.py    a suspect that answers from its journal first
prefaced.py      a suspect that is shown an example of an answer before every question

Knows nothing of keys, green lists or verdicts; imports nothing.
"""
