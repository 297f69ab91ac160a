# lib.sh: what the scripts share. Sourced by bash, never run.
#
# The idea behind it: PostgreSQL finds its share and library folders relative to its own binaries. A copy
# of an installed server below a scratch directory is therefore a whole server, into which "make install
# DESTDIR=..." puts the extension. Nothing is installed into the system, root is needed for missing
# packages only, and one rm removes everything. initdb refuses root, so that root's runs go on as an
# ordinary user.

export LC_ALL=C.UTF-8 LANG=C.UTF-8
unset PGHOST PGPORT PGUSER PGDATABASE PGDATA PGOPTIONS PGSERVICE PGPASSFILE
umask 022

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=

# A heading with the seconds since the start.
heading()
{
	printf '\n== %s  (%ds)\n' "$*" "$SECONDS"
}

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# ---------------------------------------------------------------------------------------------- packages

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	else
		sudo -n "$@"
	fi
}

missing_packages()
{
	local package
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || printf '%s ' "$package"
	done
}

# Installs what is missing of the named Debian packages, or says what to install.
need_packages()
{
	local missing
	command -v dpkg-query >/dev/null || return 0
	missing=$(missing_packages "$@")
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" != 0 ] && ! sudo -n true 2>/dev/null; then
		die "packages are missing and this user cannot install them; as root: apt-get install $missing"
	fi
	heading "Installing $missing"
	export DEBIAN_FRONTEND=noninteractive
	local quiet=(-qq -o Dpkg::Use-Pty=0 -o Acquire::Retries=3)
	# An unreachable foreign archive must not stop us: what counts is whether the packages can be installed.
	as_root apt-get "${quiet[@]}" update || true
	as_root env DEBIAN_FRONTEND=noninteractive apt-get "${quiet[@]}" install -y --no-install-recommends $missing \
		</dev/null >"${TMPDIR:-/tmp}/pg_privacy.apt.$$" 2>&1 || {
		tail -n 30 "${TMPDIR:-/tmp}/pg_privacy.apt.$$" >&2
		rm -f "${TMPDIR:-/tmp}/pg_privacy.apt.$$"
		die "could not install $missing"
	}
	rm -f "${TMPDIR:-/tmp}/pg_privacy.apt.$$"
}

# ------------------------------------------------------------------------------------------------ server

# Sets PG_MAJOR and PG_BINDIR: what the caller's environment says, else this Debian's own version.
choose_server()
{
	[ -z "${server_chosen:-}" ] || return 0
	server_chosen=yes
	if [ -n "${PG_BINDIR:-}" ]; then
		PG_MAJOR=$("$PG_BINDIR/pg_config" --version | sed 's/^PostgreSQL \([0-9]*\).*/\1/')
	elif [ -z "${PG_MAJOR:-}" ]; then
		case $(. /etc/os-release && echo "${VERSION_CODENAME:-}") in
			bookworm) PG_MAJOR=15 ;;
			trixie) PG_MAJOR=17 ;;
			*) PG_MAJOR=$(ls /usr/lib/postgresql 2>/dev/null | sort -n | tail -n 1) ;;
		esac
		[ -n "$PG_MAJOR" ] || die 'which PostgreSQL? set PG_MAJOR'
	fi
	PG_BINDIR=${PG_BINDIR:-/usr/lib/postgresql/$PG_MAJOR/bin}
}

need_server()
{
	choose_server
	need_packages "postgresql-$PG_MAJOR" "postgresql-server-dev-$PG_MAJOR" \
		build-essential pkg-config libsodium-dev bison flex procps
	[ -x "$PG_BINDIR/postgres" ] || die "no server in $PG_BINDIR"
}

# PostgreSQL's layout tool is a package of its own in Debian 12, later a part of the server's.
need_indent()
{
	choose_server
	PATH=$PATH:$PG_BINDIR
	command -v pg_bsd_indent >/dev/null || need_packages pg-bsd-indent
}

# --------------------------------------------------------------------------------------- scratch and user

# Makes $scratch, which goes away with the script, and every server in it before.
make_scratch()
{
	scratch=$(mktemp -d "${TMPDIR:-/tmp}/pg_privacy.XXXXXX")
	trap 'remove_scratch' EXIT
	trap 'exit 129' HUP
	trap 'exit 130' INT
	trap 'exit 143' TERM
	runner=
	if [ "$(id -u)" = 0 ]; then
		runner=nobody
		if id -u postgres >/dev/null 2>&1; then runner=postgres; fi
		chown "$runner" "$scratch"
	fi
	chmod 755 "$scratch"
}

# The processes below one, the lowest first.
descendants()
{
	local pid
	for pid in $(ps -o pid= --ppid "$1"); do
		descendants "$pid"
		echo "$pid"
	done
}

remove_scratch()
{
	local status=$? pid
	trap - EXIT
	[ -n "$scratch" ] && [ -d "$scratch" ] || return $status
	for pid in $(descendants $$); do
		kill "$pid" 2>/dev/null || true
	done
	while read -r pid; do
		kill -QUIT "$pid" 2>/dev/null && sleep 0.5
	done < <(find "$scratch" -name postmaster.pid -exec head -qn 1 {} + 2>/dev/null)
	cd /
	rm -rf "$scratch" || { sleep 2; rm -rf "$scratch"; }
	exit $status
}

# Runs a command as an ordinary user, in $scratch, without the caller's environment getting in the way.
as_user()
{
	local call=(env -C "$scratch" HOME="$scratch" TMPDIR="$scratch/tmp" "$@")
	if [ -n "$runner" ]; then
		call=(runuser -u "$runner" -- "${call[@]}")
	fi
	"${call[@]}"
}

# Like as_user, for what takes long: ends after a time limit in seconds, and at once when we are told to end
# (bash answers a signal only when its foreground child is done).
as_user_for()
{
	local limit=$1
	shift
	as_user timeout -k 10 "$limit" "$@" </dev/null &
	wait $!
}

# ----------------------------------------------------------------------------------------------- install

# The names of the files that make up the project, each ended by a NUL: what git tracks or would track; without git all.
source_files()
{
	local git=(git -c safe.directory='*' -C "$project")
	if [ "$("${git[@]}" rev-parse --show-toplevel 2>/dev/null)" = "$project" ]; then
		"${git[@]}" ls-files -z --cached --others --exclude-standard --deduplicate |
			while IFS= read -r -d '' file; do
				if [ -f "$project/$file" ]; then printf '%s\0' "$file"; fi
			done
	else
		(cd "$project" && find . -name .git -prune -o -type f ! -name '*.[oad]' ! -name '*.so' -print0)
	fi
}

# copy_source <directory>: the project's files as they are now.
copy_source()
{
	mkdir -p "$1"
	source_files | tar -C "$project" --no-recursion --null -T - -cf - | tar -C "$1" --no-same-owner -xf -
	[ -f "$1/Makefile" ] || die "could not copy $project"
}

# Copies the server to $scratch/root, builds the project in $scratch/build and installs it into the copy.
# Sets $bin, the folder of the copied server's programs, and $build.
throwaway_install()
{
	local lib share
	[ -n "$scratch" ] || make_scratch
	lib=$("$PG_BINDIR/pg_config" --pkglibdir)
	share=$("$PG_BINDIR/pg_config" --sharedir)
	bin=$scratch/root$PG_BINDIR
	build=$scratch/build
	mkdir -p "$bin" "$scratch/root$lib" "$scratch/root$share" "$scratch/tmp" "$scratch/sock"
	cp -aL "$PG_BINDIR/." "$bin"
	tar -C "$lib" --exclude=./bitcode -chf - . | tar -C "$scratch/root$lib" -xf -
	cp -aL "$share/." "$scratch/root$share"
	copy_source "$build"
	if [ -n "$runner" ]; then chown -R "$runner" "$scratch"; fi
	as_user make -s -C "$build" -j2 PG_CONFIG="$PG_BINDIR/pg_config" || die 'the build failed'
	as_user make -s -C "$build" install DESTDIR="$scratch/root" PG_CONFIG="$PG_BINDIR/pg_config" >/dev/null ||
		die 'the installation failed'
}

# A root key for tests, outside any data directory: the bytes 00 to 1f.
test_key()
{
	as_user sh -c 'umask 077 && printf "%s\n" "$1" >"$2"' sh \
		000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f "$scratch/root.key"
}

# start_server <name> [line of configuration]...: a server on a socket in $scratch/sock, port 5432, its
# data in $scratch/<name>, its log in $scratch/<name>.log.
start_server()
{
	local data=$scratch/$1 log=$scratch/$1.log
	shift
	as_user "$bin/initdb" -D "$data" -U postgres -A trust -N --locale=C.UTF-8 -E UTF8 >"$scratch/initdb.out" 2>&1 || {
		cat "$scratch/initdb.out" >&2
		die 'initdb failed'
	}
	printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$scratch/sock'" 'fsync = off' \
		"shared_preload_libraries = 'pg_privacy'" "privacy.keyring_file = '$scratch/root.key'" "$@" |
		as_user tee -a "$data/postgresql.conf" >/dev/null
	as_user "$bin/pg_ctl" -D "$data" -l "$log" -w -t 60 start >/dev/null || {
		cat "$log" >&2
		die 'the server did not start'
	}
	export PGHOST=$scratch/sock PGUSER=postgres
}

stop_server()
{
	as_user "$bin/pg_ctl" -D "$scratch/$1" -m fast -w stop >/dev/null
}
