"""Fingerprints of any network, seen only through inputs and outputs: MetaV, LiteGuard, contrast.

Everything about them: networks, thefts, training, verifiers, the folder, verdicts. The room is
called after what it is about, networks of any kind, for the methods are three; its command is
called `sif metav`, after the first of them.

train_folder    the whole of `sif metav train`: config -> networks (workshop, thefts) -> fingerprint
joint_training  the loop of MetaV, LiteGuard and `near`; contrast has references instead
fingerprint     what is kept, and its folder; manifest: the public half; threshold: what decides
verify          the whole of `sif metav verify`: connect -> answers -> verifier (reading) -> verdict
"""
