#!/bin/bash
# The scripts themselves, where they meet a machine that is not as it should be. The machine is made of stubs: no
# package is installed, nothing outside $T is written.
. "$(dirname "$0")/../process/lib.sh"
plan 20

# A PATH of its own: the few tools that the script needs, and stubs that say how they were called.
bin=$T/bin
mkdir "$bin"
for tool in sh env sed tr tail rm mktemp cat; do
	ln -s "$(command -v "$tool")" "$bin/$tool"
done

stub()
{
	printf '#!/bin/sh\n%s\n' "$2" >"$bin/$1"
	chmod 755 "$bin/$1"
}

debian()
{
	printf 'ID=%s\nVERSION_ID=%s\n' "$1" "$2" >"$T/os-release"
}

install_packages()
{
	run env -i PATH="$bin" TMPDIR="$T" LOG="$T/calls" REELD_SCRIPT=scripts/demo REELD_OS_RELEASE="$T/os-release" \
		"$@" "$REELD_ROOT/scripts/install-packages" build
	calls=$(cat "$T/calls" 2>/dev/null)
	: >"$T/calls"
}

# Everything but cmake and redis-server is there.
stub dpkg-query "sed 's/^/ii /' '$T/installed'"
sed -n "/^build=/,/'\$/p" "$REELD_ROOT/scripts/install-packages" | tr -d "'" | sed 's/^build=//' | tr -s ' \t' '\n' |
	sed '/^$/d' >"$T/all"
stub id 'echo 0'
stub apt-get 'echo "apt-get $*" >>"$LOG"; exit 0'
cp "$T/all" "$T/installed"

debian debian 12
install_packages
is "with all packages there it succeeds" "$status" 0
is "and says nothing" "$out$err" ""
is "and calls no apt-get" "$calls" ""

debian ubuntu 24.04
install_packages
is "another system is refused" "$status" 1
like "by name, with a way out" "$err" "^scripts/demo: made for Debian 12, this is 'ubuntu 24.04'.*REELD_ANY_SYSTEM=1$"
install_packages REELD_ANY_SYSTEM=1
is "unless it is wanted" "$status" 0

debian debian 12
grep -vxE 'cmake|redis-server' "$T/all" >"$T/installed"
# As somebody else than root, without sudo.
stub id 'echo 1000'
install_packages
is "without root or sudo it fails" "$status" 1
like "and names what to install" "$err" 'neither root nor a machine with sudo.*--no-install-recommends cmake redis-server$'

stub sudo 'exit 1'
install_packages
is "sudo that refuses is an error" "$status" 1
like "in one line" "$err" '^scripts/demo: sudo refused; packages to install: cmake redis-server$'
stub sudo 'echo "sudo $*" >>"$LOG"; case $* in *" update") echo "Err: no route to host"; exit 100;; esac'
install_packages
is "no network for packages is an error" "$status" 1
like "with apt's last words" "$err" 'Err: no route to host.*apt-get update failed: is there a network'
stub sudo 'echo "sudo $*" >>"$LOG"; case $* in *" install "*) echo "E: Unable to locate package cmake"; exit 100;; esac'
install_packages
like "a package that cannot be had is named" "$err" 'Unable to locate package cmake.*could not install: cmake redis-server$'
stub sudo 'echo "sudo $*" >>"$LOG"'
install_packages
is "through sudo it succeeds" "$status" 0
like "asking for nothing on a terminal" "$calls" 'sudo -n env DEBIAN_FRONTEND=noninteractive'
like "only what is missing" "$calls" 'install --no-install-recommends cmake redis-server($|[[:cntrl:]])'
if [ -e /usr/sbin/policy-rc.d ]; then
	unlike "this machine's own policy about services is left alone" "$calls" 'policy-rc.d'
else
	like "and no service is started by it" "$calls" 'tee /usr/sbin/policy-rc.d.*rm -f /usr/sbin/policy-rc.d'
fi

run "$REELD_ROOT/scripts/test" nonsense
is "test refuses a group it does not have" "$status $err" \
	"2 scripts/test: no group 'nonsense'; there are: house unit contract process clang fuzz"
run "$REELD_ROOT/scripts/bench" nonsense
like "bench refuses a bench it does not have" "$status $err" "^2 scripts/bench: no bench 'nonsense'; there are: "
run "$REELD_ROOT/scripts/bench" --list
unlike "bench lists names with dashes" "$out" '[_.]'
