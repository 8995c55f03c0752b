# The release workflow fills in version and checksums, and pushes it to the tap.
class AnthropicProxy < Formula
  desc "Transparent proxy for Anthropic's API that records everything and shows it live"
  homepage "https://github.com/kingoliang/anthropic-proxy"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "https://github.com/kingoliang/anthropic-proxy/releases/download/v#{version}/anthropic-proxy-aarch64-apple-darwin.tar.gz"
      sha256 "@SHA256:aarch64-apple-darwin@"
    end
    on_intel do
      url "https://github.com/kingoliang/anthropic-proxy/releases/download/v#{version}/anthropic-proxy-x86_64-apple-darwin.tar.gz"
      sha256 "@SHA256:x86_64-apple-darwin@"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/kingoliang/anthropic-proxy/releases/download/v#{version}/anthropic-proxy-aarch64-unknown-linux-gnu.tar.gz"
      sha256 "@SHA256:aarch64-unknown-linux-gnu@"
    end
    on_intel do
      url "https://github.com/kingoliang/anthropic-proxy/releases/download/v#{version}/anthropic-proxy-x86_64-unknown-linux-gnu.tar.gz"
      sha256 "@SHA256:x86_64-unknown-linux-gnu@"
    end
  end

  def install
    bin.install "anthropic-proxy"
    man1.install Dir["man/*.1"]
    generate_completions_from_executable(bin/"anthropic-proxy", "completions")
  end

  service do
    run [opt_bin/"anthropic-proxy"]
    keep_alive true
    log_path var/"log/anthropic-proxy.log"
    error_log_path var/"log/anthropic-proxy.log"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/anthropic-proxy --version")
  end
end
