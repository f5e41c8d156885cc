"""A development server for components: previews of Jinja2 templates that reload as you type, and heal themselves."""
