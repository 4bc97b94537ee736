"""50 clients pull one cold image whole, at once: each manifest and each blob is fetched once."""

from harness import crowds, scenario


def main(world):
    breakwater, crowd, _ = crowds.one_image(world)
    crowds.expect_promises(crowd)
    breakwater.expect_nothing_left()
    breakwater.stop()


if __name__ == "__main__":
    scenario(main)
