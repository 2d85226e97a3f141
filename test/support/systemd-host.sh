# Boots systemd as process 1 of namespaces of its own, on a root file system in memory that has nothing but what the units
# need; /usr is the host's and read-only, so are the settings of its kernel. test/support/systemd-host.ts runs it.
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs "$ROOT"
cd "$ROOT"
mkdir -p usr proc dev sys run/user run/lock tmp var/lib var/log var/tmp etc/systemd/system etc/rampart opt/rampart/lib/node_modules/rampart root home boot
ln -s /run var/run
chmod 1777 tmp var/tmp
for link in bin sbin lib lib64; do if [ -L /$link ]; then cp -d /$link .; else mkdir -p $link; mount --rbind /$link $link; fi; done
mount --rbind /usr usr
mount -o remount,bind,ro usr
cp /etc/passwd /etc/group /etc/ld.so.cache etc/
echo 0123456789abcdef0123456789abcdef > etc/machine-id
mount --bind "$PACKAGE" opt/rampart/lib/node_modules/rampart
mount --bind "$MODULES" opt/rampart/lib/node_modules/rampart/node_modules
cp "$UNITS"/* etc/systemd/system/
cp "$CONFIG"/* etc/rampart/
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t tmpfs tmpfs dev
for device in null zero full random urandom tty ptmx; do touch dev/$device; mount --bind /dev/$device dev/$device; done
mkdir -p dev/shm dev/pts dev/mqueue dev/hugepages
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s /proc/self/fd dev/fd
mount -t tmpfs tmpfs run
mkdir -p run/user run/lock
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
exec env -i container=lxc PATH=/usr/sbin:/usr/bin chroot "$ROOT" /lib/systemd/systemd --system --unit=rampart-test.target --log-target=null --show-status=no
