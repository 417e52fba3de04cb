#!/bin/bash
# lint.sh [CHECK...] : static checks; without arguments all of them.  Each
# (check, file) pair is one job; the output of failed jobs is shown, then a
# summary.  The glue's checks read the headers of the nginx tree in BUILD.
set -uo pipefail

cd "$(dirname "$0")/.." || exit 2

build=${BUILD:-build}
jobs=${JOBS:-2}
tree=$build/nginx

warnings=(-Wall -Wextra -Werror -O2)
core=("${warnings[@]}" -Wconversion -std=c11)
unit=("${warnings[@]}" -std=c11 -D_POSIX_C_SOURCE=200809L -Isrc/core)

# nginx's headers are the system's here; handlers do not use all that nginx
# gives them

glue=("${warnings[@]}" -Wno-unused-parameter -Isrc/core)

for dir in src/core src/event src/event/modules src/os/unix src/http \
           src/http/modules src/http/v2 objs
do
    glue+=(-isystem "$tree/$dir")
done

flags_of() {
    case $1 in
    src/core/*) flags=("${core[@]}") ;;
    t/unit/*)   flags=("${unit[@]}") ;;
    *)          flags=("${glue[@]}") ;;
    esac
}

#
# One function per check, given a file.
#

check_gcc()      { gcc "${flags[@]}" -c -o /dev/null "$1"; }
check_analyzer() { gcc "${flags[@]}" -fanalyzer -c -o /dev/null "$1"; }

# nginx's configure gives clang this warning, gcc has none like it

check_clang() {
    [[ $1 != src/* ]] || flags+=(-Wconditional-uninitialized)
    clang "${flags[@]}" -c -o /dev/null "$1"
}

check_tidy() {
    clang-tidy --quiet "$1" -- "${flags[@]}" 2>&1 |
        grep -v 'warnings generated\|^Suppressed\|^Use -header-filter'
    return "${PIPESTATUS[0]}"
}

# Without nginx's headers; every configuration of our own #ifs.
# returnDanglingLifetime takes any function that is given the address of a
# local variable to return it; the compilers look at what it does

check_cppcheck() {
    cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr \
        --enable=warning,performance,portability \
        --suppress=missingInclude --suppress=missingIncludeSystem \
        --suppress=returnDanglingLifetime \
        --template='{file}:{line}: {id}: {message}' "$1"
}

# The core has no writable data: nothing but text and constants

check_globals() {
    local o data
    o=$(mktemp)
    gcc "${flags[@]}" -fno-pie -c -o "$o" "$1"
    data=$(nm "$o" | grep -E ' [BbCcDdGgSs] ')
    rm -f "$o"

    # how the JSON library asks for memory is a matter of the whole process

    [ "$1" != src/core/a0_json.c ] || data=$(grep -v a0_json_ <<< "$data")
    [ -z "$data" ] || { echo "$1: writable data: $data"; return 1; }
}

check_shell() { shellcheck -x "$1"; }

# A module must load by itself, a program compile, both without a warning

check_perl() {
    local out name=${1#t/lib/}
    name=${name%.pm}

    case $1 in
    t/lib/*.pm) out=$(perl -w -It/lib -e "use ${name//\//::}" 2>&1) ;;
    *.pm)       out=$(perl -w -It/lib -e "require './$1'" 2>&1) ;;
    *)          out=$(perl -w -It/lib -c "$1" 2>&1 |
                    grep -v ' syntax OK$') ;;
    esac

    [ -z "$out" ] || { echo "$out"; return 1; }
}

check_source() { t/bin/check-source; }

#
# The jobs.
#

files_of() {
    case $1 in
    gcc|clang)     ls src/core/*.c src/*.c t/unit/*.c ;;
    analyzer|tidy) ls src/core/*.c src/*.c ;;
    cppcheck)      ls src/core/*.c src/*.c ;;
    globals)       ls src/core/*.c ;;
    shell)         scripts bash sh ;;
    perl)          scripts perl; find t -name '*.pm' ;;
    source)        echo . ;;
    esac 2>/dev/null
}

scripts() {
    local pattern
    pattern=$(printf '|%s' "$@")
    # shellcheck disable=SC2016
    find . -path ./build -prune -o -name .git -prune -o \
        -name node_modules -prune -o -type f -print0 |
        xargs -0 -r awk -v p="^#!.*[/ ](${pattern#|})( |\$)" \
            'FNR == 1 { if ($0 ~ p) print FILENAME; nextfile }'
}

run_one() {
    local check=$1 file=$2 out
    flags_of "$file"

    if out=$("check_$check" "$file" 2>&1); then
        echo ok >> "$results/$check"
        return
    fi

    echo "failed $file" >> "$results/$check"
    printf '%s\n' "--- $check $file" "$out" >> "$results/output.$BASHPID"
    cat "$results/output.$BASHPID"
}

if [ "${1:-}" = --one ]; then
    results=$2
    run_one "$3" "$4"
    exit 0
fi

all=(source shell perl gcc clang cppcheck globals tidy analyzer)
[ $# -gt 0 ] || set -- "${all[@]}"

if [ ! -e "$tree/objs/ngx_auto_config.h" ]; then
    echo "lint: no nginx tree in $build (make lint makes it)" >&2
    exit 2
fi

results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

for check in "$@"; do
    files_of "$check" | sed "s|^|$check |"
done | xargs -r -P "$jobs" -n 2 t/lint.sh --one "$results"

failed=0

for check in "$@"; do
    ok=$(grep -c '^ok' "$results/$check" 2>/dev/null)
    bad=$(grep -c '^failed' "$results/$check" 2>/dev/null)
    printf 'lint: %-9s %3d passed, %3d failed\n' "$check" "${ok:-0}" \
        "${bad:-0}"
    failed=$((failed + ${bad:-0}))
done

if [ "$failed" -gt 0 ]; then
    echo "lint: FAILED ($failed)"
    exit 1
fi

echo "lint: passed"
