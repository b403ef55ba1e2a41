"""A small stand-in for the Hub over a real socket: enough for the library's own calls of one upload."""

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class HubTwin:
    def __init__(self):
        self.repositories = {}
        self.objects = {}
        self.tokens = set()
        self.lose_file = None
        twin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *ignored):
                pass

            def do_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                if self.headers.get("Transfer-Encoding", "") == "chunked":
                    parts = []
                    while size := int(self.rfile.readline(), 16):
                        parts.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    body = b"".join(parts)
                else:
                    body = self.rfile.read(length)
                twin.tokens.add(self.headers.get("Authorization"))
                status, headers, answer = twin.answer(self.command, self.path, body)
                if not isinstance(answer, bytes):
                    answer = json.dumps(answer).encode()
                    headers = {"Content-Type": "application/json", **headers}
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_HEAD = do_any

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, method, path, body):
        path = path.partition("?")[0]
        if "example/gated" in path:
            return 403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted."}, {}
        if path == "/api/repos/create":
            wanted = json.loads(body)
            repo = f"{wanted.get('organization') or 'example'}/{wanted['name']}"
            if repo in self.repositories:
                return 409, {}, {"url": f"{self.url}/{repo}"}
            self.repositories[repo] = {
                "private": "private" in (wanted.get("visibility"), wanted.get("private") and "private"),
                "files": {},
                "commits": [],
            }
            return 200, {}, {"url": f"{self.url}/{repo}", "name": repo, "id": repo}
        if path == "/api/validate-yaml":
            return 200, {}, {"errors": [], "warnings": []}
        match = re.match(r"/api/(?:models|datasets)/(example/[\w.-]+)(.*)", path)
        if match and match.group(1) in self.repositories:
            return self.repository_answer(match.group(1), match.group(2), body)
        if path.endswith("/info/lfs/objects/batch"):
            objects = json.loads(body)["objects"]
            for entry in objects:
                entry["actions"] = {"upload": {"href": f"{self.url}/objects/{entry['oid']}", "header": {}}}
            return 200, {}, {"transfer": "basic", "objects": objects}
        if method == "PUT" and path.startswith("/objects/"):
            oid = path.rpartition("/")[2]
            if hashlib.sha256(body).hexdigest() != oid:
                return 400, {}, {"error": "wrong digest"}
            self.objects[oid] = len(body)
            return 200, {}, {}
        return 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"}, {"error": "not found"}

    def repository_answer(self, repo, rest, body):
        repository = self.repositories[repo]
        if rest.startswith("/preupload/"):
            files = json.loads(body)["files"]
            return (
                200,
                {},
                {
                    "files": [
                        {
                            "path": file["path"],
                            "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular",
                            "shouldIgnore": False,
                            "oid": None,
                        }
                        for file in files
                    ]
                },
            )
        if rest.startswith("/commit/"):
            for line in body.decode().strip().split("\n"):
                entry = json.loads(line)
                value = entry["value"]
                if entry["key"] == "file":
                    import base64

                    repository["files"][value["path"]] = len(base64.b64decode(value["content"]))
                elif entry["key"] == "lfsFile":
                    assert value["oid"] in self.objects
                    repository["files"][value["path"]] = value["size"]
                elif entry["key"] in ("deletedFile", "deletedEntry"):
                    repository["files"].pop(value["path"], None)
            oid = hashlib.sha1(str(len(repository["commits"])).encode()).hexdigest()
            repository["commits"].append(oid)
            return (
                200,
                {},
                {"success": True, "commitOid": oid, "commitUrl": f"{self.url}/{repo}/commit/{oid}", "hookOutput": ""},
            )
        if rest.startswith("/tree/"):
            return (
                200,
                {},
                [
                    {"type": "file", "path": name, "size": size, "oid": "0" * 40}
                    for name, size in repository["files"].items()
                ],
            )
        siblings = [
            {"rfilename": name, "size": size} for name, size in repository["files"].items() if name != self.lose_file
        ]
        return (
            200,
            {},
            {
                "id": repo,
                "modelId": repo,
                "private": repository["private"],
                "sha": (repository["commits"] or ["0" * 40])[-1],
                "siblings": siblings,
                "tags": [],
                "downloads": 0,
                "likes": 0,
            },
        )
