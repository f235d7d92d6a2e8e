"""Servers that nobody trusts: one bounded way to ask them, and what they complain of.

exchange.py   one request and its body, or why there is none: time, size and redirects are bounded
lanes.py      many hosts at once, each at its own pace
refusal.py    a refusal's words, and what they are about

Knows nothing of what is asked; imports nothing.
"""
