"""The embedding store: a teacher's embeddings of a corpus on disk, computed once. docs/store.md has the format."""

from tinyclap_edge.data.store.clip_files import open_store
from tinyclap_edge.data.store.embedding_store import EmbeddingStore
from tinyclap_edge.data.store.features import FeatureCache
from tinyclap_edge.data.store.manifest import StoredTeacher

__all__ = ["EmbeddingStore", "FeatureCache", "StoredTeacher", "open_store"]
