import torch

from sif.watermark.activemark.coders import Decoder, Encoder, inject

MESSAGES = torch.tensor([[True, False, True], [False, False, False]])


def test_one_token_is_replaced_and_no_other() -> None:
    hidden = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))
    encoder = Encoder(8, 3, scale=4.0)
    changed = inject(hidden, MESSAGES, encoder=encoder, token=2)
    same = [0, 1, 3, 4]
    assert torch.equal(changed[:, same], hidden[:, same])
    assert not torch.isclose(changed[:, 2], hidden[:, 2]).any()


def test_what_is_written_stays_within_the_scale_and_depends_on_the_message() -> None:
    encoder = Encoder(8, 3, scale=4.0)
    token = 1000.0 * torch.ones(2, 8)
    written = encoder(token, MESSAGES).detach()
    assert float(written.abs().max()) <= 4.0
    assert not torch.equal(
        encoder(torch.ones(2, 8), MESSAGES)[0], encoder(torch.ones(2, 8), ~MESSAGES)[0]
    )


def test_a_logit_is_decoded_for_every_bit_whatever_the_features_scale() -> None:
    decoder = Decoder(8, 3)
    features = torch.randn(4, 8, generator=torch.Generator().manual_seed(0))
    assert decoder(features).shape == (4, 3)
    assert torch.allclose(decoder(features), decoder(100.0 * features), atol=1e-3)
