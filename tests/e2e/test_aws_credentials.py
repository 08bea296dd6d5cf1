# SPDX-License-Identifier: Apache-2.0
"""Where credentials come from: the same environment and the same files give botocore and us the same identity. Instance
metadata, container endpoint and SSO are local stand-ins: they exist only inside of AWS."""
import datetime
import hashlib
import json
import os
import threading
import time
from pathlib import Path

import botocore.session
import botocore.tokens
import botocore.utils
import pytest

from aws_peers import REGION, Moto, Stub, Tool, document, metadata_service
from harness import LIMIT, wait_gone

SECRETS = ["TOPSECRET", "TOPTOKEN"]


@pytest.fixture(scope="module")
def moto():
    server = Moto()
    try:
        iam = server.client("iam")
        for name in ("outer", "inner", "web"):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": []}))
        yield server
    finally:
        server.stop()


@pytest.fixture
def tool():
    tools = []

    def factory(env):
        tools.append(Tool(env))
        return tools[-1]

    yield factory
    for t in tools:
        t.stop()
        for secret in SECRETS:
            assert secret not in t.log()


@pytest.fixture
def stub():
    stubs = []

    def factory(answer):
        stubs.append(answer if isinstance(answer, Stub) else Stub(answer))
        return stubs[-1]

    yield factory
    for s in stubs:
        s.stop()


@pytest.fixture
def home(tmp_path):
    """home(config=, credentials=) -> environment with a home directory that has these files."""
    def factory(config="", credentials="", **env):
        (tmp_path / ".aws").mkdir(exist_ok=True)
        if config:
            (tmp_path / ".aws" / "config").write_text(config)
        if credentials:
            (tmp_path / ".aws" / "credentials").write_text(credentials)
        return {"HOME": str(tmp_path), **env}

    return factory


def in_botocore(env, monkeypatch):
    """What botocore makes of it: (access key id, secret, token) or the exception."""
    for name in [n for n in os.environ if n.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {"AWS_EC2_METADATA_DISABLED": "true", "AWS_DEFAULT_REGION": REGION, **env}.items():
        monkeypatch.setenv(name, value)
    try:
        found = botocore.session.Session().get_credentials()
        frozen = found.get_frozen_credentials() if found else None
    except Exception as problem:  # each of botocore's counts: it did not get any
        return problem
    return (frozen.access_key, frozen.secret_key, frozen.token) if frozen else None


KEYS = "aws_access_key_id = {0}\naws_secret_access_key = TOPSECRET-{0}\n"
A, B, C = (KEYS.format(k) for k in "ABC")

# name: environment, config, credentials
SAME = {
    "environment": ({"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "TOPSECRET"}, "", ""),
    "environment with token": ({"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "TOPSECRET",
                                "AWS_SESSION_TOKEN": "TOPTOKEN"}, "", ""),
    "environment, both token names": ({"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "TOPSECRET",
                                       "AWS_SESSION_TOKEN": "TOPTOKEN", "AWS_SECURITY_TOKEN": "TOPTOKEN2"}, "", ""),
    "environment before files": ({"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "TOPSECRET"}, "", f"[default]\n{A}"),
    "environment before a profile": ({"AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "TOPSECRET", "AWS_PROFILE": "p"},
                                     "", f"[p]\n{A}"),
    "no secret": ({"AWS_ACCESS_KEY_ID": "E"}, "", f"[default]\n{A}"),
    "an empty key is none": ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "TOPSECRET"}, "", f"[default]\n{A}"),
    "nothing": ({}, "", ""),
    "credentials file": ({}, "", f"[default]\n{A}"),
    "config file": ({}, f"[default]\n{A}", ""),
    "credentials file before config file": ({}, f"[default]\n{A}", f"[default]\n{B}"),
    "with a token": ({}, "", f"[default]\n{A}aws_session_token = TOPTOKEN\n"),
    "profile": ({"AWS_PROFILE": "p"}, f"[profile p]\n{A}", f"[default]\n{B}"),
    "older name of the profile": ({"AWS_DEFAULT_PROFILE": "p", "AWS_PROFILE": "q"}, "", f"[p]\n{A}[q]\n{B}"),
    "quoted profile": ({"AWS_PROFILE": "a b"}, f"[profile 'a b']\n{A}", ""),
    "profile without the word": ({"AWS_PROFILE": "p"}, f"[p]\n{A}", f"[default]\n{B}"),
    "no such profile": ({"AWS_PROFILE": "p"}, f"[default]\n{A}", f"[default]\n{B}"),
    "no such profile, keys in the environment": (
        {"AWS_PROFILE": "p", "AWS_ACCESS_KEY_ID": "E", "AWS_SECRET_ACCESS_KEY": "TOPSECRET"}, "", f"[default]\n{B}"),
    "half of the keys": ({}, "", "[default]\naws_access_key_id = A\n"),
    "colon, comments, blanks, case": ({}, "", "# c\n; c\n\n[default]   \nAWS_Access_Key_Id : A\n#x\naws_secret_access_key=TOPSECRET=#1;\n"),
    "indented": ({}, "", "[default]\n  aws_access_key_id = A\n  aws_secret_access_key = TOPSECRET\n"),
    "empty section": ({}, "[default]\nregion = x\n", "[default]\n"),
    "a section twice": ({}, "", f"[default]\n{A}[default]\n{B}"),
    "a key twice": ({}, "", f"[default]\n{A}{B}"),
    "no section": ({}, "", A),
    "not a file of that kind": ({}, "", "hello\n"),
    "windows line ends": ({}, "", f"[default]\n{A}".replace("\n", "\r\n")),
    "process": ({}, "[default]\ncredential_process = printf '%s' '{\"Version\": 1, \"AccessKeyId\": \"P\", "
                    "\"SecretAccessKey\": \"TOPSECRET\", \"SessionToken\": \"TOPTOKEN\"}'\n", ""),
    "process before config file": ({}, f"[default]\n{A}credential_process = printf '%s' '{{\"Version\": 1, "
                                       "\"AccessKeyId\": \"P\", \"SecretAccessKey\": \"TOPSECRET\"}'\n", ""),
    "process after credentials file": ({}, "[default]\ncredential_process = false\n", f"[default]\n{A}"),
    "process fails": ({}, "[default]\ncredential_process = false\n", ""),
    "process is not there": ({}, "[default]\ncredential_process = /nonexistent/x\n", ""),
    "process of version 2": ({}, "[default]\ncredential_process = printf '%s' '{\"Version\": 2, \"AccessKeyId\": \"P\", "
                                 "\"SecretAccessKey\": \"TOPSECRET\"}'\n", ""),
    "process without secret": ({}, "[default]\ncredential_process = printf '%s' '{\"Version\": 1, \"AccessKeyId\": \"P\"}'\n", ""),
    "process says nothing": ({}, "[default]\ncredential_process = true\n", ""),
    "process with an escaped blank": ({}, "[default]\ncredential_process = printf %s {\\\"Version\\\":\\ "
                                          "1,\\\"AccessKeyId\\\":\\\"P\\\",\"\\\"SecretAccessKey\\\":\\\"TOPSECRET\\\"}\"\n", ""),
    "process with an open quote": ({}, "[default]\ncredential_process = printf 'x\n", ""),
    "role without source": ({}, "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\n", ""),
    "role with both sources": ({}, "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = p\n"
                                   f"credential_source = Environment\n[profile p]\n{A}", ""),
    "role, unknown source profile": ({}, "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = p\n", ""),
    "role, unknown credential source": ({}, "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\ncredential_source = X\n", ""),
    "roles in a circle": ({}, "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = p\n"
                              "[profile p]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = default\n", ""),
    "role of itself without keys": ({}, "[default]\nrole_arn = arn:aws:iam::123456789012:role/x\nsource_profile = default\n", ""),
    "SSO, incomplete": ({}, "[default]\nsso_role_name = r\n", ""),
    "SSO, unknown session": ({}, "[default]\nsso_role_name = r\nsso_account_id = 1\nsso_session = s\n", ""),
    "SSO, nobody signed in": ({}, "[default]\nsso_role_name = r\nsso_account_id = 1\nsso_session = s\n[sso-session s]\n"
                                  "sso_start_url = https://x\nsso_region = us-east-1\n", ""),
    "web identity without role": ({"AWS_WEB_IDENTITY_TOKEN_FILE": "/dev/null"}, "", f"[default]\n{A}"),
    "container, not an allowed host": ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://10.0.0.1/x"}, "", ""),
    "container after files": ({"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://10.0.0.1/x"}, "", f"[default]\n{A}"),
}


@pytest.mark.parametrize("name", SAME)
def test_as_botocore(name, home, tool, monkeypatch):
    env, config, credentials = SAME[name]
    env = home(config, credentials, **env)
    theirs = in_botocore(env, monkeypatch)
    t = tool(env)
    try:
        ours = t.call("credentials")
    except AssertionError:
        assert t.process.wait(LIMIT) == 2
        ours = {"error": t.err.wait("aws_tool:")}
    if isinstance(theirs, tuple):
        assert (ours.get("access_key_id"), ours.get("secret"), ours.get("token")) == theirs, ours
    else:
        assert "error" in ours, f"botocore: {theirs!r}; we: {ours}"


def test_files_elsewhere(tmp_path, tool, monkeypatch):
    (tmp_path / "c").write_text("[default]\nregion = ap-south-1\n[profile p]\nregion = sa-east-1\n")
    (tmp_path / "k").write_text(f"[p]\n{A}")
    env = {"HOME": str(tmp_path), "AWS_CONFIG_FILE": "~/c", "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "k"),
           "AWS_PROFILE": "p"}
    assert in_botocore(env, monkeypatch)[0] == "A"
    t = tool({**env, "AWS_REGION": None})
    assert t.call("credentials")["access_key_id"] == "A"
    assert t.wait(0)["region"] == "sa-east-1"


def test_a_line_break_in_a_secret(home, tool):
    """Where botocore would go on and send what cannot be sent."""
    t = tool(home("", "[default]\naws_access_key_id = A\naws_secret_access_key = TOP\n  SECRET\n"))
    assert t.call("credentials")["error"] == ("profile default: credentials file: the secret access key has a blank, line break "
                                              "or control character in it")


def test_errors_say_where(home, tool):
    t = tool(home("", "[default]\n\nnonsense\n"))
    assert t.process.wait(LIMIT) == 2
    t.err.wait(".aws/credentials: line 3: expected [SECTION], NAME = VALUE or # COMMENT")


# --- roles ---

def whoami(env, monkeypatch, moto):
    for name, value in {"AWS_DEFAULT_REGION": REGION, **env}.items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session()
    return session.create_client("sts", endpoint_url=moto.url).get_caller_identity()["Arn"]


ROLE = "arn:aws:iam::123456789012:role/"


@pytest.mark.parametrize("config,credentials,env,role", [
    (f"[default]\nrole_arn = {ROLE}outer\nsource_profile = p\nrole_session_name = ses\nexternal_id = e/=+\nduration_seconds = 900\n",
     f"[p]\n{A}", {}, "outer"),
    (f"[default]\nrole_arn = {ROLE}outer\nsource_profile = p\nrole_session_name = ses\n[profile p]\nrole_arn = {ROLE}inner\n"
     f"source_profile = q\nrole_session_name = ses\n[profile q]\n{A}", "", {}, "outer"),
    (f"[default]\nrole_arn = {ROLE}outer\nsource_profile = default\nrole_session_name = ses\n{A}", "", {}, "outer"),
    (f"[profile p]\nrole_arn = {ROLE}inner\nsource_profile = q\nrole_session_name = ses\n[profile q]\ncredential_process = "
     "printf '%s' '{\"Version\": 1, \"AccessKeyId\": \"P\", \"SecretAccessKey\": \"TOPSECRET\"}'\n", "", {"AWS_PROFILE": "p"},
     "inner"),
])
def test_assumed_roles(config, credentials, env, role, home, tool, moto, monkeypatch):
    env = home(config, credentials, AWS_ENDPOINT_URL_STS=moto.url, **env)
    t = tool(env)
    assert t.call("whoami")["arn"] == f"arn:aws:sts::123456789012:assumed-role/{role}/ses"
    assert whoami(env, monkeypatch, moto) == f"arn:aws:sts::123456789012:assumed-role/{role}/ses"
    got = t.call("credentials")
    assert got["source"] == "assume-role" and got["token"] and got["expires_ms"] > time.time() * 1000


def test_role_is_asked_for_as_configured(home, tool, stub):
    """What is in the request: botocore's own parameters for the same profile."""
    seen = stub(lambda request: (403, {}, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no &amp; never</Message>"
                                          b"</Error></ErrorResponse>"))
    t = tool(home(f"[default]\nrole_arn = {ROLE}outer\nsource_profile = p\nrole_session_name = ses\nexternal_id = e/=+ x\n"
                  f"duration_seconds = 1234\n[profile p]\n{A}", "", AWS_ENDPOINT_URL=seen.url))
    error = t.call("credentials")["error"]
    assert "sts AssumeRole at 127.0.0.1" in error and "AccessDenied: no & never" in error
    body = seen.requests.get(timeout=LIMIT).body.decode()
    assert body == ("Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fouter"
                    "&RoleSessionName=ses&ExternalId=e%2F%3D%2B%20x&DurationSeconds=1234")


def test_codes_typed_in_are_refused(home, tool):
    t = tool(home(f"[default]\nrole_arn = {ROLE}x\nsource_profile = p\nmfa_serial = m\n[profile p]\n{A}"))
    assert "mfa_serial" in t.call("credentials")["error"]


@pytest.mark.parametrize("source,env", [("Environment", {"AWS_ACCESS_KEY_ID": "E"}), ("EcsContainer", {}),
                                        ("Ec2InstanceMetadata", {})])
def test_credential_source(source, env, home, tool, moto, stub):
    """Environment needs the keys there, which then come before any profile: it is reached through a source profile alone."""
    agent = stub(lambda request: (200, {}, json.dumps(document("CONTAINER", "2036-01-01T00:00:00Z", Token="TOPTOKEN")).encode()))
    imds = stub(metadata_service())
    more = {"EcsContainer": {"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url + "/creds"},
            "Ec2InstanceMetadata": {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url},
            "Environment": {"AWS_SECRET_ACCESS_KEY": "TOPSECRET"}}[source]
    t = tool(home(f"[default]\nrole_arn = {ROLE}outer\ncredential_source = {source}\nrole_session_name = ses\n",
                  AWS_ENDPOINT_URL_STS=moto.url, **env, **more))
    if source == "Environment":
        assert t.call("credentials")["access_key_id"] == "E"
    else:
        assert t.call("whoami")["arn"].endswith("assumed-role/outer/ses")
        assert (agent if source == "EcsContainer" else imds).count() > 0


@pytest.mark.parametrize("by_profile", [False, True])
def test_web_identity(by_profile, home, tool, moto, tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("a.web.token")
    if by_profile:
        env = home(f"[default]\nrole_arn = {ROLE}web\nweb_identity_token_file = {token}\nrole_session_name = ses\n")
    else:
        env = home(AWS_ROLE_ARN=ROLE + "web", AWS_WEB_IDENTITY_TOKEN_FILE=str(token), AWS_ROLE_SESSION_NAME="ses")
    env["AWS_ENDPOINT_URL_STS"] = moto.url
    t = tool(env)
    assert t.call("whoami")["arn"] == "arn:aws:sts::123456789012:assumed-role/web/ses"
    assert whoami(env, monkeypatch, moto) == "arn:aws:sts::123456789012:assumed-role/web/ses"
    assert t.call("credentials")["source"] == "web identity"


# --- what answers over HTTP ---

def test_instance_metadata(tool, stub, monkeypatch):
    imds = stub(metadata_service())
    env = {"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url}
    assert in_botocore(env, monkeypatch)[0] == "IMDSKEY"
    t = tool(env)
    got = t.call("credentials")
    assert (got["access_key_id"], got["token"], got["source"]) == ("IMDSKEY", "imds-token", "instance metadata")
    before = imds.count()
    assert t.call("credentials") == {**got, "number": 2}
    assert imds.count() == before


@pytest.mark.parametrize("status", [403, 404, 500])
def test_instance_metadata_without_answer(status, tool, stub):
    imds = stub(metadata_service(broken=status))
    t = tool({"AWS_EC2_METADATA_DISABLED": "false", "AWS_EC2_METADATA_SERVICE_ENDPOINT": imds.url})
    error = t.call("credentials")["error"]
    assert error.startswith("none found") and f"instance metadata: HTTP status {status}" in error


def test_container(tool, stub, tmp_path, monkeypatch):
    token = tmp_path / "token"
    token.write_text("TOPTOKEN 1")

    def answer(request):
        if request.headers["Authorization"] != token.read_text():
            return 401, {}, b"{}"
        return 200, {}, json.dumps(document("CONTAINER", "2036-01-01T00:00:00Z", Token="TOPTOKEN")).encode()

    agent = stub(answer)
    env = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url + "/creds?id=1", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token)}
    assert in_botocore(env, monkeypatch)[0] == "CONTAINER"
    assert tool(env).call("credentials")["access_key_id"] == "CONTAINER"
    env = {"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url + "/creds?id=1", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "TOPTOKEN 1"}
    assert tool(env).call("credentials")["access_key_id"] == "CONTAINER"
    env["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = "TOPTOKEN wrong"
    assert "container credentials: HTTP status 401" in tool(env).call("credentials")["error"]


def test_container_is_asked_three_times(tool, stub):
    left = [500, 500, 200]
    agent = stub(lambda request: (left.pop(0), {}, json.dumps(document("CONTAINER")).encode()))
    assert tool({"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url}).call("credentials")["access_key_id"] == "CONTAINER"
    assert not left


@pytest.mark.parametrize("with_session", [False, True])
def test_sso(with_session, home, tool, stub, tmp_path, monkeypatch):
    def answer(request):
        if request.headers["x-amz-sso_bearer_token"] != "TOPTOKEN":
            return 401, {"x-amzn-ErrorType": "UnauthorizedException"}, b'{"message":"Session token not found or invalid"}'
        assert request.path == "/federation/credentials?role_name=the%20role&account_id=123456789012", request.path
        return 200, {}, json.dumps({"roleCredentials": {"accessKeyId": "SSOKEY", "secretAccessKey": "TOPSECRET",
                                                        "sessionToken": "t", "expiration": 2082758400000}}).encode()

    portal = stub(answer)
    session = "sso_session = my session\n[sso-session 'my session']\n" if with_session else ""
    env = home(f"[default]\nsso_role_name = the role\nsso_account_id = 123456789012\n{session}"
               "sso_start_url = https://d-1.awsapps.com/start\nsso_region = us-east-1\n", AWS_ENDPOINT_URL_SSO=portal.url)
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    # echo -n 'my session' | sha1sum; echo -n https://d-1.awsapps.com/start | sha1sum
    name = "0810fbc4bcaca0e26000b03ebf865d8ea87be4b9" if with_session else "0c54b6c27e90660baa89eaad85ac1d5dae26cb7d"
    (cache / f"{name}.json").write_text(json.dumps({"accessToken": "TOPTOKEN", "expiresAt": "2036-01-01T00:00:00Z",
                                                    "startUrl": "https://d-1.awsapps.com/start", "region": "us-east-1"}))
    got = tool(env).call("credentials")
    assert (got.get("access_key_id"), got.get("expires_ms")) == ("SSOKEY", 2082758400000), got
    (cache / f"{name}.json").write_text(json.dumps({"accessToken": "TOPTOKEN", "expiresAt": "2020-01-01T00:00:00Z"}))
    assert "run `aws sso login --profile default`" in tool(env).call("credentials")["error"]
    (cache / f"{name}.json").write_text(json.dumps({"accessToken": "other", "expiresAt": "2036-01-01T00:00:00Z"}))
    assert "HTTP status 401 UnauthorizedException" in tool(env).call("credentials")["error"]


def test_sso_token_is_renewed(home, tool, stub, tmp_path, monkeypatch):
    """As botocore renews it: same request, same file."""
    asked = []

    def answer(request):
        if request.path == "/token":
            asked.append(json.loads(request.body))
            if asked[-1]["refreshToken"] == "TOPTOKEN-gone":
                return 400, {}, b'{"error":"invalid_grant"}'
            return 200, {}, json.dumps({"accessToken": "TOPTOKEN2", "expiresIn": 28800, "refreshToken": "TOPTOKEN-r2",
                                        "tokenType": "Bearer"}).encode()
        if request.headers["x-amz-sso_bearer_token"] != "TOPTOKEN2":
            return 401, {}, b"{}"
        return 200, {}, json.dumps({"roleCredentials": {"accessKeyId": "SSOKEY", "secretAccessKey": "TOPSECRET",
                                                        "sessionToken": "t", "expiration": 2082758400000}}).encode()

    portal = stub(answer)
    env = home("[default]\nsso_role_name = r\nsso_account_id = 123456789012\nsso_session = s\n[sso-session s]\n"
               "sso_start_url = https://d-1.awsapps.com/start\nsso_region = us-east-1\n", AWS_ENDPOINT_URL=portal.url)
    file = tmp_path / ".aws" / "sso" / "cache" / (hashlib.sha1(b"s").hexdigest() + ".json")
    file.parent.mkdir(parents=True)
    cached = {"accessToken": "TOPTOKEN", "expiresAt": stamp(60)[:19] + "Z", "refreshToken": "TOPTOKEN-r1",
              "clientId": "c", "clientSecret": "TOPSECRET-c", "registrationExpiresAt": "2036-01-01T00:00:00Z",
              "startUrl": "https://d-1.awsapps.com/start", "region": "us-east-1"}
    file.write_text(json.dumps(cached))
    assert tool(env).call("credentials")["access_key_id"] == "SSOKEY"
    ours = json.loads(file.read_text())
    assert file.stat().st_mode & 0o777 == 0o600 and len(list(file.parent.iterdir())) == 1
    file.write_text(json.dumps(cached))
    theirs = renewed_by_botocore(env, file.parent, monkeypatch)
    assert asked[0] == asked[1] == {"grantType": "refresh_token", "clientId": "c", "clientSecret": "TOPSECRET-c",
                                    "refreshToken": "TOPTOKEN-r1"}
    assert {**ours, "expiresAt": ""} == {**theirs, "expiresAt": ""} and len(ours["expiresAt"]) == len(theirs["expiresAt"])
    # One that cannot be renewed, and has expired.
    file.write_text(json.dumps({**cached, "refreshToken": "TOPTOKEN-gone", "expiresAt": "2020-01-01T00:00:00Z"}))
    t = tool(env)
    assert "run `aws sso login --profile default`" in t.call("credentials")["error"]
    t.err.wait("the SSO token could not be renewed: HTTP status 400")


def renewed_by_botocore(env, directory, monkeypatch):
    """Its cache directory is a constant made when it was imported."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    session = botocore.session.Session()
    provider = botocore.tokens.SSOTokenProvider(
        session, cache=botocore.utils.JSONFileCache(str(directory), dumps_func=botocore.tokens._sso_json_dumps))
    provider.load_token().get_frozen_token()
    return json.loads(next(directory.iterdir()).read_text())


# --- keeping them fresh ---

def stamp(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def test_expired_ones_are_replaced_and_all_waiters_share_one_search(tool, stub):
    made = []

    def answer(request):
        made.append(f"KEY{len(made)}")
        return 200, {}, json.dumps(document(made[-1], stamp(1 if len(made) == 1 else 3600), Token="t")).encode()

    agent = stub(answer)
    t = tool({"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url})
    numbers = [t.start("credentials") for _ in range(10)]
    assert {t.wait(n)["access_key_id"] for n in numbers} == {"KEY0"}
    assert made == ["KEY0"]
    end = time.monotonic() + LIMIT
    while t.call("credentials")["access_key_id"] == "KEY0":
        assert time.monotonic() < end
    assert made == ["KEY0", "KEY1"]


@pytest.mark.parametrize("status", [200, 403])
def test_ageing_ones_are_replaced_in_the_background(status, tool, stub):
    """The second answer is held back: until it comes, and when it is a refusal, the first ones go on being used."""
    made = []
    asked, release = threading.Event(), threading.Event()

    def answer(request):
        made.append(f"KEY{len(made)}")
        if len(made) == 2:
            asked.set()
            release.wait(LIMIT)
            return status, {}, json.dumps(document("KEY1", stamp(3600), Token="t")).encode()
        return 200, {}, json.dumps(document(made[-1], stamp(6), Token="t")).encode()

    agent = stub(answer)
    t = tool({"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url})
    end = time.monotonic() + LIMIT
    while not asked.is_set():
        assert t.call("credentials")["access_key_id"] == "KEY0" and time.monotonic() < end
    assert t.call("credentials")["access_key_id"] == "KEY0"
    release.set()
    if status == 200:
        while t.call("credentials")["access_key_id"] != "KEY1":
            assert time.monotonic() < end
    else:
        t.err.wait("no AWS credentials to be had: container credentials: HTTP status 403")
        assert t.call("credentials")["access_key_id"] == "KEY0"


def test_expired_ones_are_of_no_use(tool, stub):
    agent = stub(lambda request: (200, {}, json.dumps(document("KEY", "2020-01-01T00:00:00Z", Token="t")).encode()))
    t = tool({"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url})
    assert t.call("credentials")["error"] == "container: they have expired already"


def test_failure_is_remembered_for_a_moment_only(tool, stub):
    left = [403]
    agent = stub(lambda request: (left.pop() if left else 200, {}, json.dumps(document("KEY")).encode()))
    t = tool({"AWS_CONTAINER_CREDENTIALS_FULL_URI": agent.url})
    assert "HTTP status 403" in t.call("credentials")["error"]
    assert "HTTP status 403" in t.call("credentials")["error"]
    assert agent.count() == 1
    end = time.monotonic() + LIMIT
    while "error" in t.call("credentials"):
        assert time.monotonic() < end
    assert agent.count() == 2


def tail_below(pid):
    """The process that the tool has started for credentials."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text() == "tail\n":
                return int(child)
    raise AssertionError("it was not started")


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_no_process_stays_behind(how, home):
    t = Tool(home("[default]\ncredential_process = tail -f /dev/null\n"))
    t.start("credentials")
    pid = tail_below(t.process.pid)
    if how == "killed":
        t.process.kill()
        t.process.wait(LIMIT)
    else:
        assert t.stop() == 0
    wait_gone(pid)


def test_a_process_that_hangs_does_not_hold_up_the_rest(home, tool, moto):
    t = tool(home("[default]\ncredential_process = tail -f /dev/null\n", AWS_ENDPOINT_URL=moto.url))
    waiting = t.start("credentials")
    cancelled = t.start("url", "q")
    t.start("cancel", cancelled)
    assert t.wait(cancelled)["error"] == "cancelled"
    assert waiting not in t.answers
