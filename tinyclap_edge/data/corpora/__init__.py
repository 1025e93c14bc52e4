"""Corpora in their official layouts: one module a corpus, one way to open any of them."""

from tinyclap_edge.data.corpora.clip import Clip, Corpus, CorpusCard, CorpusReport, label_matrix
from tinyclap_edge.data.corpora.registry import list_corpora, open_corpus

__all__ = ["Clip", "Corpus", "CorpusCard", "CorpusReport", "label_matrix", "list_corpora", "open_corpus"]
