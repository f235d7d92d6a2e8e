"""The study of MetaV: fingerprints of networks of five tasks, against copies and innocents."""
