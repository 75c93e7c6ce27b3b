"""Reads manifests, holds each to the schema of its kind, and writes them as JSON. What no schema is known of has to be named."""

import json
import sys

import kubernetes_validate
import yaml

VERSION = "1.34"
# Kinds of their own, which their operators describe in the cluster.
OTHERS = {"gateway.networking.k8s.io/v1", "gateway.envoyproxy.io/v1alpha1", "getambassador.io/v3alpha1"}

manifests = list(yaml.safe_load_all(sys.stdin))
mistakes = []
for manifest in manifests:
    if manifest["apiVersion"] in OTHERS:
        continue
    try:
        kubernetes_validate.validate(manifest, VERSION, strict=True)
    except Exception as mistake:
        mistakes.append(f"{manifest['kind']} {manifest['metadata']['name']}: {mistake}")
if mistakes:
    sys.exit("\n".join(mistakes))
json.dump(manifests, sys.stdout)
