"""Who asks, and what they may: tokens, browser sessions, proxies, and the audit of what was asked."""
