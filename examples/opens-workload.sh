#!/bin/sh
# What the demonstration watches: a process and its children that open a few files, some of which are not there.
cd /tmp || exit 1
: </etc/passwd
: >skep-demo.$$
cat /etc/hostname /etc/os-release >>skep-demo.$$
cat /no/such/file 2>/dev/null
head -n 1 /proc/version >/dev/null
ls /etc >/dev/null
: <skep-demo.$$
rm -f skep-demo.$$
exit 0
