"""Published fingerprints of classifiers, to compare with: any callable from inputs to logits."""
