"""Simulated audits: whether the ownership statistics keep their promise, and what they cost.

`corpus` holds real answers, `draws` their green counts under fresh keys, `false_claims` the running
e-values of many audits at once; the other modules are one question each, `study` asks them all.
"""
