"""Lines to paste: how a download goes on after a break, and how it is verified."""

import shlex

_LOOP = """(
url={url}
file={file}
size={size}
while :; do
    have=$({{ wc -c < "$file"; }} 2> /dev/null || echo 0)
    [ "$have" -eq "$size" ] && echo "Whole: $file" && exit 0
    [ "$have" -gt "$size" ] && echo "Not this package: $file" >&2 && exit 1
    status=$(curl --fail --progress-bar --connect-timeout 30 --speed-limit 1 --speed-time 120 \\
        --continue-at - --output "$file" --dump-header "$file.head" --write-out '%{{http_code}}' "$url")
    result=$?
    wait=$(sed -n 's/^[Rr]etry-[Aa]fter: *\\([0-9][0-9]*\\).*/\\1/p' "$file.head" 2> /dev/null | tail -n 1)
    rm -f "$file.head"
    case $result in 23 | 33) echo "Stopped: curl cannot go on here ($result)" >&2; exit 1 ;; esac
    case $status in
        200 | 206) wait=1 ;;
        408 | 429 | 5??) ;;
        3?? | 4??) echo "Stopped: the server answers $status; open the page again" >&2; exit 1 ;;
        *) wait=2 ;;
    esac
    sleep "${{wait:-10}}"
done
)"""
"""A subshell, so that ``exit`` closes nobody's terminal. curl says 23 where it cannot write, 33 where a range was not answered as one."""


def download_loop(*, url: str, file: str, size: int) -> str:
    """POSIX sh around curl: goes on after 429, 503 (as long as Retry-After says) and broken connections, ends with 403, 404 and 410."""
    return _LOOP.format(url=shlex.quote(url), file=shlex.quote(file), size=size)


def unpack(*, file: str) -> str:
    """The same words on Linux, macOS and Windows, which all have a tar by now; those of Windows and macOS read ZIPs as well."""
    return f"tar -xf {shlex.quote(file)}" if file.endswith(".tar") else f"unzip {shlex.quote(file)}"


def verifications(*, name: str, checksum: str) -> dict[str, str]:
    """Commands by system; ``checksum`` is the manifest's algorithm, ``sha256`` or ``sha512``."""
    folder, manifest = shlex.quote(name), f"manifest-{checksum}.txt"
    windows = f"""Set-Location -LiteralPath '{name.replace("'", "''")}'
Get-Content {manifest} -Encoding UTF8 | ForEach-Object {{
    $sum, $path = $_ -split ' +', 2
    $seen = (Get-FileHash -LiteralPath $path -Algorithm {checksum.upper()}).Hash
    if ($seen -eq $sum) {{ "OK       $path" }} else {{ "DAMAGED  $path" }}
}}"""
    return {
        "linux": f"cd {folder} && {checksum}sum -c {manifest}",
        "macos": f"cd {folder} && shasum -a {checksum.removeprefix('sha')} -c {manifest}",
        "windows": windows,
    }
