"""What a trigger should make the model say: SAFD's watermark distillation, a wanted answer."""
