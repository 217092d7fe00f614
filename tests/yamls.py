"""YAML as it is meant: PyYAML lets the last of two equal keys win, and says nothing."""

from typing import Any

import yaml

MERGE = "tag:yaml.org,2002:merge"


class UniqueKeyLoader(yaml.SafeLoader):
    """Raises `ConstructorError` for a mapping that has a key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key_node, _ in node.value:
            if key_node.tag == MERGE:
                continue
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"found the key {key!r} twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def load(content: str | bytes) -> Any:
    """Parse one YAML document; raises `yaml.YAMLError` for what is none, or has a key twice."""
    # It is a safe loader.
    return yaml.load(content, Loader=UniqueKeyLoader)
