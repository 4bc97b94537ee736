"""Who guesses passwords, by hundreds of connections at once, waits in a line of his own: those who push and
pull beside him, by name or without, do not."""

import base64
import itertools

from harness import http, scenario
from harness.attacks import many_clients, one_client, pipelines, request
from harness.siege import Siege

TARGET = "/v2/team/app/tags/list"
GUESSERS = 64
EVERYTHING = ["pull", "push", "delete"]


def by_password(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def guesses(seed, count=100):
    """Requests in a row, each with another password."""
    return [request(TARGET, headers=[by_password("alice", f"{seed}-{number}")]) for number in range(count)]


def main(world):
    users = world.fresh_folder("users") / "htpasswd"
    users.write_text(world.run("htpasswd", "-BbnC", "10", "alice", "sesame").strip() + "\n")
    users.chmod(0o600)
    access = [{"who": ["alice"], "may": EVERYTHING}, {"who": ["127.0.0.0/8"], "may": EVERYTHING}]
    siege = Siege(world, private={"access": access}, users={"htpasswd_file": str(users)})

    of_one = pipelines(guesses("a"))
    tally = siege.beside("64 that guess, of one", siege.private, one_client(), GUESSERS, of_one)
    siege.expect(set(tally) <= {"401", "429", "cut"}, f"who guesses is answered {dict(tally)}")
    tally = siege.beside(
        "64 that guess, of 64",
        siege.private,
        many_clients(GUESSERS),
        GUESSERS,
        pipelines(list(itertools.chain(guesses("b"), guesses("c")))),
    )
    siege.expect(set(tally) <= {"401", "429", "cut"}, f"who guesses is answered {dict(tally)}")
    right = http.get(siege.private, TARGET, dict([by_password("alice", "sesame").split(": ", 1)]))
    siege.expect(right.status == 404, f"who knows the password is answered {right}")
    wrong = [event for event in siege.breakwater.events() if event.get("event") == "passwords_wrong"]
    siege.expect(wrong, "no line of the log says that somebody guesses")
    siege.end()


if __name__ == "__main__":
    scenario(main)
