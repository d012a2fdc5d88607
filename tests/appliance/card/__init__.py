"""The card on a real kernel: its FAT partition, the import at boot, and the power that goes."""
