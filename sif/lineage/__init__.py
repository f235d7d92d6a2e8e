"""Lineage: whether the weights of two models that one holds come from the same training.

After HuRef (Zeng, Wang, Hu, Xu, Zhou, Wang, Yu, Lin, NeurIPS 2024, arXiv 2312.04828).
"""
