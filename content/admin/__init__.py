"""The desk of those who write: pages, posts and site settings in Django's admin, over the same verbs as the API."""

from django.contrib import admin

from content.admin.entries import PageAdmin, PostAdmin
from content.admin.site_settings import SiteSettingsAdmin
from content.models import BlogPost, Page, SiteSettings

admin.site.register(Page, PageAdmin)
admin.site.register(BlogPost, PostAdmin)
admin.site.register(SiteSettings, SiteSettingsAdmin)
