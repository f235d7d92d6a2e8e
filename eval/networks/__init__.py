"""`sif bench metav`: fingerprints of small networks of five tasks, against copies and innocents."""
