# Installs anthropic-proxy for one person on Windows: downloads the program, compares its checksum, adds its folder to the user's PATH.
#
#   irm https://github.com/kingoliang/anthropic-proxy/releases/latest/download/install.ps1 | iex
#
# ANTHROPIC_PROXY_VERSION, ANTHROPIC_PROXY_INSTALL and ANTHROPIC_PROXY_RELEASES as in install.sh.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

$cpu = switch ($env:PROCESSOR_ARCHITECTURE) {
    'AMD64' { 'x86_64' }
    'ARM64' { 'aarch64' }
    default { throw "there is no program for $env:PROCESSOR_ARCHITECTURE" }
}
$file = "anthropic-proxy-$cpu-pc-windows-msvc.zip"
$releases = 'https://github.com/kingoliang/anthropic-proxy/releases'
$from = if ($env:ANTHROPIC_PROXY_RELEASES) { $env:ANTHROPIC_PROXY_RELEASES }
    elseif ($env:ANTHROPIC_PROXY_VERSION) { "$releases/download/$env:ANTHROPIC_PROXY_VERSION" }
    else { "$releases/latest/download" }
$place = if ($env:ANTHROPIC_PROXY_INSTALL) { $env:ANTHROPIC_PROXY_INSTALL }
    else { Join-Path $env:LOCALAPPDATA 'Programs\anthropic-proxy' }

$work = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid())
New-Item -ItemType Directory $work | Out-Null
try {
    Invoke-WebRequest "$from/$file" -OutFile "$work\$file" -UseBasicParsing
    Invoke-WebRequest "$from/SHA256SUMS" -OutFile "$work\SHA256SUMS" -UseBasicParsing
    $line = Get-Content "$work\SHA256SUMS" | Where-Object { $_ -match "^([0-9a-f]{64})[ *]+$([Regex]::Escape($file))$" }
    if (-not $line) { throw "SHA256SUMS has no line for $file" }
    $expected = ($line -split '[ *]+')[0]
    $actual = (Get-FileHash "$work\$file" -Algorithm SHA256).Hash.ToLower()
    if ($actual -ne $expected) { throw "$file is not what the release says: something changed it on the way" }
    Expand-Archive "$work\$file" -DestinationPath $work
    New-Item -ItemType Directory -Force $place | Out-Null
    Move-Item -Force "$work\anthropic-proxy.exe" "$place\anthropic-proxy.exe"
}
finally {
    Remove-Item -Recurse -Force $work
}

$path = [Environment]::GetEnvironmentVariable('Path', 'User')
if (($path -split ';') -notcontains $place) {
    [Environment]::SetEnvironmentVariable('Path', "$path;$place", 'User')
}
Write-Output "installed $(& "$place\anthropic-proxy.exe" --version) in $place; open a new terminal to use it"
