"""Measurements that anyone can repeat, their results, and the tables that the pages take from them."""
