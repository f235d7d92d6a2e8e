"""White-box adapters for vision-language models: folders, loading, gradients, layers, the probe."""
