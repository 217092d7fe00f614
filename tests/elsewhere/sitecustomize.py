"""Another time, and no network: put this folder on PYTHONPATH and every Python started is there."""

import datetime
import socket

import time_machine


def refuse(*args, **kwargs):
    raise OSError("generation must not use the network")


socket.socket.connect = refuse
socket.getaddrinfo = refuse
time_machine.travel(datetime.datetime(2031, 2, 3, 4, 5, tzinfo=datetime.UTC)).start()
