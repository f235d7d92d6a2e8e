"""Audits in bulk: many suspects asked about one or several fingerprints (`sif audit-all`).

campaign_file     what a campaign is: fingerprints, suspects, rules, limits
campaign_reader   its YAML file, complained of by line and field
family            α for each pair, or split among all of them, and the promise kept
pairing           every fingerprint with every suspect: rules, folders, questions
conduct           asks them: endpoints side by side, local models (local) here or by workers; desk
outcome           rows of how each pair ended, results.json and results.parquet
pages             a page for each run, and one with the matrix before them

Each pair is one ordinary session (`sif.session.session`), judged by nothing else.
"""
