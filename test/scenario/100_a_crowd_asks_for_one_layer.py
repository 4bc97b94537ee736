"""50 clients ask at once for one cold layer of 256 MiB: one download, and everybody streams."""

from harness import crowds, expect, scenario


def main(world):
    breakwater, crowd, _ = crowds.one_layer(world)
    crowds.expect_promises(crowd)
    expect(crowd.sent == 1.0, f"upstream sent {crowd.sent:.4f} times the layer")
    followers = [
        line for line in breakwater.wait_access_lines(crowds.CLIENTS + 1) if line["cache"] == "follow"
    ]
    expect(len(followers) >= crowds.CLIENTS - 1, f"only {len(followers)} clients are logged as followers")
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
