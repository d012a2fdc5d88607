"""From the SD card to the device: reads `pressel.yaml` there, keeps what is right, answers on it.

A card is a directory: the boot partition of the board, `/boot/firmware` or `/bootfs`, which any
computer can read and write. Nothing in this package touches sound, pins or the network, and all of
it but the import itself runs on macOS and Windows too: `pressel provision --check FILE`.

`card/` holds the files that go onto one.
"""
