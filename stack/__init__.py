"""The whole system on one machine, without Docker. The tests take their servers from here too."""
