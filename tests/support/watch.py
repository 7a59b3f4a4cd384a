"""Looks at a process while it runs: the highest resident memory and number of descriptors."""

import os
import threading


class Watch:
    """With `with`; `peak_resident` in bytes, `peak_descriptors`. The kernel keeps the highest memory, descriptors are counted ten times a second."""

    def __init__(self, process_id: int):
        self.folder = f"/proc/{process_id}"
        self.peak_resident = self.peak_descriptors = 0
        self.ended = threading.Event()

    def __enter__(self) -> "Watch":
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *error) -> None:
        self.ended.set()
        self.thread.join()

    def run(self) -> None:
        while self.look() and not self.ended.wait(0.1):
            pass
        self.look()

    def look(self) -> bool:
        try:
            # Since Linux 6.2 the folder's size is the number of entries.
            count = os.stat(f"{self.folder}/fd").st_size or len(os.listdir(f"{self.folder}/fd"))
            self.peak_descriptors = max(self.peak_descriptors, count)
            with open(f"{self.folder}/status") as status:
                kept = next((int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:")), 0)
            self.peak_resident = max(self.peak_resident, kept)
            return True
        except OSError:
            return False  # it has ended
