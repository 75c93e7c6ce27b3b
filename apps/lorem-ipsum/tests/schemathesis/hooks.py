"""Signs in anew every other second: the fuzzer ends sessions and tokens, its own among them."""

import os
import subprocess

import schemathesis


@schemathesis.auth(refresh_interval=2)
class Admin:
    def get(self, case, context):
        command = [os.environ["APP"], "token", "admin@example.test"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def set(self, case, token, context):
        case.headers["Authorization"] = f"Bearer {token}"
